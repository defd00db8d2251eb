"""The main job: a file of tasks through a whole market. `run` does it, `measure` counts, `report` prints."""
