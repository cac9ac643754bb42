"""The rows of the matrix, one module for each layer."""
