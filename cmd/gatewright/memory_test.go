package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/policy"
)

// upload is a call whose body is sent in parts.
type upload struct {
	conn   net.Conn
	answer chan *http.Response // nil when the connection ended without one
}

// beginUpload sends the head of a call with a body of that size, and its first byte.
func beginUpload(t *testing.T, gateway string, size int) *upload {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(gateway, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	u := &upload{conn, make(chan *http.Response, 1)}
	fmt.Fprintf(conn, "POST /api/pets HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n{", size)
	go func() {
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			res = nil
		}
		u.answer <- res
	}()
	return u
}

// readsBodies makes a policy whose condition reads the body of every call.
func readsBodies(c *jwtauth.Config) {
	amount := condition.Variable{Type: condition.Body, ContentType: condition.JSON, JSONPath: "$.amount"}
	c.Condition = condition.Condition{Rules: []condition.Rule{{Criteria: condition.Value, First: &amount, DataType: condition.String,
		Operator: condition.Equal, Source: condition.FromValue, SecondValue: "1"}}}
	c.ConditionUnmetAction = policy.Skip
}

// highWater is the most memory that a process has had, in MiB.
func highWater(t *testing.T, pid int) (most int) {
	t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Skip("this system does not tell how much memory a process had")
	}
	_, rest, _ := strings.Cut(string(raw), "VmHWM:")
	if _, err := fmt.Sscan(rest, &most); err != nil {
		t.Fatal(err)
	}
	return most >> 10
}

// Queues, caches and tables take their room when they are used, and what only the
// start needed is given back.
func TestAnIdleNodeHoldsLittleMemory(t *testing.T) {
	t.Parallel()
	s := newLone(t).start()
	node := &soakNode{served: s}
	eventually(t, "the heap is small", func() bool {
		return node.figure(t, "go_memstats_heap_alloc_bytes") < 8<<20
	})
	t.Logf("heap %.1f MiB, at most %d MiB of the process resident", node.figure(t, "go_memstats_heap_alloc_bytes")/(1<<20), highWater(t, s.cmd.Process.Pid))
	s.stop(t, syscall.SIGTERM)
}

// ATTACK: hundreds of callers send large bodies that a condition has to read whole, all
// at once and without ever ending them, and take all connections besides. The process
// has 96 MiB. What there is no room for is told so at once; what there is room for, and
// calls without a body, go on; and when they have gone everything is as before.
func TestAttackAFloodOfBodiesAndConnectionsEndsNoProcess(t *testing.T) {
	t.Parallel()
	const room, floods, connections, size = 24, 400, 420, 1 << 20
	l := newLone(t, readsBodies)
	cmd := exec.Command(os.Args[0], l.args(fmt.Sprint("--max-connections=", connections), "--log-level=error")...)
	cmd.Env = []string{"GOMEMLIMIT=96MiB"}
	s := launchAs(t, cmd)
	node := &soakNode{served: s}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}}
	t.Cleanup(client.CloseIdleConnections)
	plain := func() int {
		res, err := client.Get(s.gateway + "/api/pets")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	if status := plain(); status != http.StatusOK {
		t.Fatal(status)
	}
	flood := make([]*upload, floods)
	for i := range flood {
		flood[i] = beginUpload(t, s.gateway, size)
	}
	whole := []byte(`"amount":"` + strings.Repeat("x", size-23)) // all but the last twelve bytes
	for _, u := range flood {
		go u.conn.Write(whole) // ends with the connection
	}
	shed := func() float64 {
		return node.figure(t, `gatewright_calls_shed_total\{environment="production",reason="memory"\}`)
	}
	turnedAway := 0
	var held []*upload
	eventually(t, "those for whom there is no room are told", func() bool {
		held, turnedAway = held[:0], 0
		for _, u := range flood {
			select {
			case res := <-u.answer:
				u.answer <- res
				// The answer may be lost to who goes on sending.
				if res != nil && (res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "") {
					t.Fatalf("a flooder is answered %+v", res)
				}
				turnedAway++
			default:
				held = append(held, u)
			}
		}
		return turnedAway >= floods-room && shed() >= floods-room
	})
	for range 50 {
		if status := plain(); status != http.StatusOK {
			t.Fatalf("a call without a body is answered %d", status)
		}
	}
	wentOn := 0
	for _, u := range held {
		fmt.Fprint(u.conn, `xxxx"}`+strings.Repeat(" ", 6))
		res := <-u.answer
		switch { // the last ones may meet others whose room is about to be given back
		case res != nil && res.StatusCode == http.StatusOK:
			wentOn++
		case res == nil || res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "":
			t.Errorf("a body that was held is answered %+v", res)
		}
	}
	if wentOn < len(held)/2 {
		t.Errorf("%d of %d bodies that were held went on", wentOn, len(held))
	}
	for _, u := range flood {
		u.conn.Close()
	}
	crowd(t, s, node, connections)
	eventually(t, "no call is under way", func() bool { return node.figure(t, `gatewright_calls\{environment="production"\}`) == 0 })
	again := beginUpload(t, s.gateway, 10)
	fmt.Fprint(again.conn, `"a":"b" }`)
	if res := <-again.answer; res == nil || res.StatusCode != http.StatusOK {
		t.Errorf("afterwards: %+v", res)
	}
	bound := 250
	if raceEnabled { // the detector's own memory is a multiple of ours
		bound *= 4
	}
	if most := highWater(t, s.cmd.Process.Pid); most > bound {
		t.Errorf("the process had %d MiB", most)
	} else {
		t.Logf("the process had %d MiB at most", most)
	}
	s.stop(t, syscall.SIGTERM)
}

// crowd takes every connection there is, and sees the next one refused.
func crowd(t *testing.T, s *served, node *soakNode, most int) {
	t.Helper()
	places := func() float64 { return node.figure(t, `gatewright_connections\{environment="production"\}`) }
	eventually(t, "the flooders' places are free", func() bool { return places() < 20 })
	open := make([]*upload, most+50)
	for i := range open {
		open[i] = beginUpload(t, s.gateway, 100)
	}
	eventually(t, "those beyond the limit are told", func() bool {
		refused := 0
		for _, u := range open {
			select {
			case res := <-u.answer:
				u.answer <- res
				if res == nil || res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
					t.Fatalf("a connection beyond the limit is answered %+v", res)
				}
				refused++
			default:
			}
		}
		return refused >= 50
	})
	eventually(t, "refused connections are counted", func() bool {
		return node.figure(t, `gatewright_connections_refused_total\{environment="production"\}`) >= 50
	})
	for _, u := range open {
		u.conn.Close()
	}
	eventually(t, "their places are free", func() bool { return places() < 20 })
}
