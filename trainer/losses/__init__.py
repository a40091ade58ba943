"""Losses: functions of tensors, each with the paper's equation and a test against numbers worked out by hand."""
