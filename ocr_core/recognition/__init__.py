"""Reading lines: crops, CTC decoding, words and windows."""
