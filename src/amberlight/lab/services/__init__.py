"""What the lab adds to the emulator's services: one file for each, found by being here; `world.py` says how they begin."""
