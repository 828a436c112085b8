package main

import (
	"runtime"
	"sync"
	"time"
)

// asDue sends each request when it is due and counts its time from then, also if
// it had to wait for a connection: a slow proxy must not slow down who measures it.
func (o order) asDue() outcome {
	// One processor sleeps until the next request is due, the other reads answers.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(max(2, runtime.GOMAXPROCS(0))))
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	s := newSchedule(&o)
	requests, start := o.requests(), time.Now()
	for n := 0; ; n++ {
		due := start.Add(time.Duration(n) * time.Second / time.Duration(o.Rate))
		if due.Sub(start) >= o.Turn {
			break
		}
		for wait := time.Until(due); wait > 0; wait = time.Until(due) {
			pause(wait)
		}
		if !s.send(requests[n%len(requests)], due) {
			break
		}
	}
	s.end()
	return sum(s.clients, s.failures, time.Since(start))
}

// schedule hands requests to whatever connection is free.
type schedule struct {
	clients  []client
	failures []error
	free     chan int
	due      []chan time.Time
	readers  sync.WaitGroup
}

func newSchedule(o *order) *schedule {
	s := &schedule{clients: make([]client, o.Conns), failures: make([]error, o.Conns), free: make(chan int, o.Conns), due: make([]chan time.Time, o.Conns)}
	for i := range s.clients {
		s.clients[i].order, s.due[i] = o, make(chan time.Time, 1)
		s.readers.Go(func() { s.read(i) })
		s.free <- i
	}
	return s
}

// send writes on the connection that has been free for longest; false after a
// failure.
func (s *schedule) send(request []byte, due time.Time) bool {
	i := <-s.free
	if s.failures[i] != nil {
		return false
	}
	if s.failures[i] = s.clients[i].send(request); s.failures[i] != nil {
		return false
	}
	s.due[i] <- due
	return true
}

// read takes the answers of one connection. After a failure it is given back once
// more, for send to find it.
func (s *schedule) read(i int) {
	c := &s.clients[i]
	for due := range s.due[i] {
		if s.failures[i] = c.receive(); s.failures[i] == nil {
			c.times = append(c.times, time.Since(due))
		}
		s.free <- i
	}
	c.close()
}

func (s *schedule) end() {
	for _, due := range s.due {
		close(due)
	}
	s.readers.Wait()
}
