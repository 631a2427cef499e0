"""The questions and answers as HTTP."""
