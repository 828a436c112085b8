//go:build race

package engine

// RaceEnabled tells that the race detector makes everything ten times slower.
const RaceEnabled = true
