"""What the emulator lacks or does too leniently, one file per service; each `install` replaces private functions."""
