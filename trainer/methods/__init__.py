"""Methods: what is trained together, a module of networks and losses whose forward gives the losses of a batch."""
