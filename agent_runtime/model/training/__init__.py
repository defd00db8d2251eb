"""How the built-in model is made: tokenizer, example stream with an adaptive mix, the training loop, and
evaluation.
"""
