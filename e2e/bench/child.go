package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
)

// partVariable tells a process of this program which part it plays.
const partVariable = "GATEWRIGHT_BENCH_PART"

// play is the life of a child: it ends with its standard input.
func play(part string, in io.Reader, out io.Writer) error {
	p := &parent{in: in, dec: json.NewDecoder(in), enc: json.NewEncoder(out)}
	switch part {
	case "upstream":
		return serveUpstream(p)
	case "load":
		return serveLoad(p)
	case "signer":
		return serveSigner(p)
	case "database":
		return serveDatabase(p)
	case "gateway":
		return serveGateway(p)
	case "proxy":
		return serveReverseProxy(p)
	}
	return fmt.Errorf("there is no part %q", part)
}

// parent is what a child knows of the process that started it.
type parent struct {
	in  io.Reader
	dec *json.Decoder
	enc *json.Encoder
}

func (p *parent) read(into any) error {
	if err := p.dec.Decode(into); err != nil {
		return fmt.Errorf("read what to do: %w", err)
	}
	return nil
}

func (p *parent) tell(what any) error {
	if err := p.enc.Encode(what); err != nil {
		return fmt.Errorf("tell what came of it: %w", err)
	}
	return nil
}

func (p *parent) wait() error {
	_, err := io.Copy(io.Discard, p.in)
	return err
}

// child is another process of this program.
type child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	enc *json.Encoder
	dec *json.Decoder
}

func start(ctx context.Context, part string, on cores) (*child, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find own program: %w", err)
	}
	cmd := on.command(ctx, program)
	if part == "database" {
		cmd = on.ahead(ctx, program)
	}
	cmd.Env = append(os.Environ(), partVariable+"="+part)
	cmd.Stderr = os.Stderr
	in, inErr := cmd.StdinPipe()
	out, outErr := cmd.StdoutPipe()
	if err := errors.Join(inErr, outErr); err != nil {
		return nil, fmt.Errorf("start %s: %w", part, err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", part, err)
	}
	return &child{cmd, in, json.NewEncoder(in), json.NewDecoder(out)}, nil
}

// ask tells the child something, unless it is nil, and reads its answer.
func (c *child) ask(question, answer any) error {
	if question != nil {
		if err := c.enc.Encode(question); err != nil {
			return err
		}
	}
	return c.dec.Decode(answer)
}

// stop ends the process; how it ends does not matter any more.
func (c *child) stop() {
	_ = c.in.Close()
	_ = c.cmd.Wait()
}

// cores are those that a process may use, as taskset writes them; "" for all.
type cores string

// divide gives the proxies a core of their own, if the machine has two and taskset.
func divide(ctx context.Context) (proxies, rest cores) {
	proxies, rest = "0", "1"
	if last := runtime.NumCPU() - 1; last > 1 {
		rest = cores("1-" + strconv.Itoa(last))
	}
	if runtime.NumCPU() < 2 || proxies.command(ctx, "true").Run() != nil || rest.command(ctx, "true").Run() != nil {
		return "", ""
	}
	return proxies, rest
}

func (c cores) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	if c == "" {
		return exec.CommandContext(ctx, program, args...)
	}
	return exec.CommandContext(ctx, "taskset", append([]string{"-c", string(c), program}, args...)...)
}

// realTime runs a program before all others of its core.
var realTime = []string{"chrt", "--fifo", "1"}

// ahead is command for what does not stand in line with the others of its core, if the
// machine allows it. The load stands for machines that a database does not share.
func (c cores) ahead(ctx context.Context, program string) *exec.Cmd {
	if !mayGoAhead(ctx) {
		return c.command(ctx, program)
	}
	return c.command(ctx, realTime[0], append(realTime[1:], program)...)
}

func mayGoAhead(ctx context.Context) bool {
	return exec.CommandContext(ctx, realTime[0], append(realTime[1:], "true")...).Run() == nil
}
