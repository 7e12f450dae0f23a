"""In go hot paths, out come the instructions of each, counted by callgrind: no noise, so a guard for CI."""
