"""A child process that never says a word, for tests of who waits for it."""

import signal

if __name__ == "__main__":
    signal.pause()
