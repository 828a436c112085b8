// Package guess owns what slows people who guess secrets and what keeps dear
// work from taking the whole machine: a throttle that refills, a lock that
// grows with every wrong guess, and a lane with a bounded queue. It knows
// neither what is guessed nor who asks.
package guess
