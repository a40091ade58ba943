"""The models of this process: loaded beside each other, handed over, rolled back, watched for."""
