//go:build unix

package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/iapssh/iapssh/cmd/internal/lab"
)

// costSize is what each carrier of TestForwardCost carries at a time.
const costSize = 256 << 20

// costBounds are the issue's: the CPU of a GiB over -L, against what else carries it in the same run.
var costBounds = map[string]float64{"exec": 1.15, "stock": 1.00}

// What a gigabyte over -L costs this program through the relay, against the same bytes through an exec channel, and against
// stock ssh's -L with this program as its ProxyCommand, both of its processes counted.
func TestForwardCost(t *testing.T) {
	if os.Getenv("IAPSSH_FULL") == "" {
		t.Skip("takes half a minute and wants a quiet machine: IAPSSH_FULL=1, without -race")
	}
	l := newTolerantLab(t, lab.Config{})
	for _, way := range []string{"down", "up"} {
		carriers := []carrier{newExecCarrier(t, l, way), newForwardCarrier(t, l, way, false), newForwardCarrier(t, l, way, true)}
		costs := map[string][]float64{}
		for range 3 {
			for _, c := range carriers {
				costs[c.name] = append(costs[c.name], c.cost(t)*(1<<30)/costSize)
			}
		}
		for _, c := range carriers {
			slices.Sort(costs[c.name])
			t.Logf("%s, %s, CPU-s/GiB = %.2f of %.2f", way, c.name, costs[c.name][1], costs[c.name])
		}
		for other, bound := range costBounds {
			ratio := costs["forward"][1] / costs[other][1]
			t.Logf("%s: forward / %s = %.2f (<= %.2f)", way, other, ratio, bound)
			if ratio > bound {
				t.Errorf("%s: -L costs %.2f times what %s does", way, ratio, other)
			}
		}
	}
}

// carrier carries costSize bytes once, and tells the seconds of CPU that it took.
type carrier struct {
	name string
	cost func(*testing.T) float64
}

// newExecCarrier is a command on the VM, without what it costs to start one.
func newExecCarrier(t *testing.T, l *lab.Lab, way string) carrier {
	run := func(command string, stdin io.Reader, stdout io.Writer) float64 {
		cmd := iapsshCommand(t, l, "lab-vm", command)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, os.Stderr
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		return (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	}
	start := run("true", nil, nil)
	return carrier{"exec", func(*testing.T) float64 {
		if way == "up" {
			return run("cat >/dev/null", io.LimitReader(zeros{}, costSize), nil) - start
		}
		return run(fmt.Sprintf("head -c %d /dev/zero", costSize), nil, plainWriter{io.Discard}) - start
	}}
}

// newForwardCarrier is -L of this program or of stock ssh.
func newForwardCarrier(t *testing.T, l *lab.Lab, way string, stock bool) carrier {
	service, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { service.Close() })
	go serveBulk(service, way)
	local := freePort(t)
	name, args := "forward", []string{"-N", "-v", "-L", local + ":" + service.Addr().String(), "-R", "0", "lab-vm"}
	cmd := iapsshCommand(t, l, args...)
	if stock {
		name = "stock"
		bin := t.TempDir()
		if err := os.Symlink(cmd.Path, filepath.Join(bin, "iapssh")); err != nil {
			t.Fatal(err)
		}
		cmd = exec.Command(filepath.Join(l.Files.Bin, "ssh"), args...)
		cmd.Env = append(l.Environ(os.Environ()), "PATH="+bin+":"+os.Getenv("PATH"))
	}
	p := startProcess(t, cmd)
	p.await(t, `remote forward (success)`)
	return carrier{name, func(t *testing.T) float64 {
		before := cpu(t, p.cmd.Process.Pid)
		conn, err := net.Dial("tcp", local)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if way == "up" {
			_, err = io.Copy(plainWriter{conn}, io.LimitReader(zeros{}, costSize))
			conn.(*net.TCPConn).CloseWrite()
		}
		n, readErr := io.CopyBuffer(plainWriter{io.Discard}, conn, make([]byte, 256<<10))
		if err != nil || readErr != nil || way == "down" && n != costSize || way == "up" && n != 1 {
			t.Fatalf("%v, %v, %d bytes", err, readErr, n)
		}
		return cpu(t, p.cmd.Process.Pid) - before
	}}
}

// serveBulk sends, or takes all and then says so.
func serveBulk(listener net.Listener, way string) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		if way == "down" {
			io.Copy(plainWriter{conn}, io.LimitReader(zeros{}, costSize))
		} else {
			io.CopyBuffer(plainWriter{io.Discard}, conn, make([]byte, 256<<10))
			conn.Write([]byte{1})
		}
		conn.Close()
	}
}

// zeros never end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// plainWriter hides what a writer could do better, for one and all.
type plainWriter struct{ io.Writer }

// cpu is the seconds that a process and its children have used.
func cpu(t *testing.T, pid int) float64 {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(stats) == 0 {
		t.Skipf("the system does not tell what a process uses: %v", err)
	}
	parent, ticks := map[int]int{}, map[int]int{}
	for _, path := range stats {
		data, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		id, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
		user, _ := strconv.Atoi(fields[11])
		system, _ := strconv.Atoi(fields[12])
		parent[id], _ = strconv.Atoi(fields[1])
		ticks[id] = user + system
	}
	sum := 0
	for id, n := range ticks {
		for ancestor := id; ancestor > 1; ancestor = parent[ancestor] {
			if ancestor == pid {
				sum += n
				break
			}
		}
	}
	const hertz = 100 // of clock ticks, on Linux
	return float64(sum) / hertz
}
