"""The Lambda functions: each folder is one, and only `functions.aws` speaks to AWS."""
