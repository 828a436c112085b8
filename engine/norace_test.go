//go:build !race

package engine_test

// raceEnabled tells that the race detector makes everything ten times slower.
const raceEnabled = false
