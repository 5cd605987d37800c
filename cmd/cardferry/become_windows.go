package main

// become has nothing to do: files inherit their permissions from the data
// directory.
func become(string) error { return nil }
