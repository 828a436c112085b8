// Command testserver lends one private PostgreSQL to all the tests of a run:
//
//	go run ./models/localpg/testserver -- go test ./...
//
// It starts the server in a new folder under /tmp, prints TEST_DATABASE_URL=...,
// runs the command after -- with that variable set, stops the server, removes the
// folder and ends with the command's exit code. When TEST_DATABASE_URL is set
// already, that server is used and nothing is started.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"syscall"

	"github.com/gatewright/gatewright/models/localpg"
)

const variable = "TEST_DATABASE_URL"

// connections is room for test packages that run at the same time, each with a
// pool for every test that runs in parallel.
const connections = 400

// cannotStart is the exit code for a command that never ran, as shells use it.
const cannotStart = 127

func main() {
	code, err := lend(commandLine())
	if err != nil {
		fmt.Fprintln(os.Stderr, "testserver:", err)
	}
	os.Exit(code)
}

// commandLine is what follows the first --, or everything if there is none.
func commandLine() []string {
	args := os.Args[1:]
	if at := slices.Index(args, "--"); at >= 0 {
		args = args[at+1:]
	}
	return args
}

func lend(command []string) (int, error) {
	if len(command) == 0 {
		return cannotStart, errors.New("usage: testserver -- command [argument ...]")
	}
	if url := os.Getenv(variable); url != "" {
		return run(command, url)
	}
	// A signal ends the start, and later the command, but never us before our server.
	ctx, done := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer done()
	dir, err := makeDir()
	if err != nil {
		return cannotStart, err
	}
	defer os.RemoveAll(dir)
	server, err := localpg.Start(ctx, localpg.Options{Dir: dir, Relaxed: true, MaxConnections: connections})
	if err != nil {
		return cannotStart, err
	}
	fmt.Printf("%s=%s\n", variable, server.URL())
	code, err := run(command, server.URL())
	return code, errors.Join(err, server.Stop(context.Background()))
}

// makeDir makes a folder that the server's account can reach, which the usual
// temporary folders of root are not.
func makeDir() (string, error) {
	dir, err := os.MkdirTemp("/tmp", "gatewright-test-")
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o711)
}

// run runs command to its end and passes on SIGTERM. Ctrl-C reaches the command by
// itself, as the terminal sends it to the whole group; here it only must not end
// us first.
func run(command []string, url string) (int, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), variable+"="+url)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	if err := cmd.Start(); err != nil {
		return cannotStart, err
	}
	ended := make(chan struct{})
	go forward(signals, ended, cmd.Process)
	err := cmd.Wait()
	close(ended)
	return exitCode(err)
}

func forward(signals <-chan os.Signal, ended <-chan struct{}, command *os.Process) {
	for {
		select {
		case s := <-signals:
			if s == syscall.SIGTERM {
				_ = command.Signal(s)
			}
		case <-ended:
			return
		}
	}
}

func exitCode(err error) (int, error) {
	exit, failed := errors.AsType[*exec.ExitError](err)
	if !failed {
		return 0, err
	}
	if status := exit.Sys().(syscall.WaitStatus); status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return exit.ExitCode(), nil
}
