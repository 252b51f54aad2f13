"""The linear map of a convolution and its transposes: methods to compute them, and the choice among these."""
