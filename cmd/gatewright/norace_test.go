//go:build !race

package main

// raceEnabled tells that the race detector runs, which takes several times the memory.
const raceEnabled = false
