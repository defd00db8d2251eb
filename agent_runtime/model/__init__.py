"""The built-in model: task families, tokenizer, training, export and the shipped weights.

``families`` makes tasks with worked answers, ``training`` learns them, ``weights/`` holds the result. Imports
no model library by itself.
"""
