//go:build unix

package tty

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// Jobs is the shell's job control as this process meets it. While it is watched,
// SIGTSTP does not stop the process: Suspend does, once the terminal has been restored.
type Jobs struct {
	Stop     <-chan os.Signal // SIGTSTP has come
	Continue <-chan os.Signal // the process has been continued

	stop, cont chan os.Signal
}

// WatchJobs starts to watch, until Close.
func WatchJobs() *Jobs {
	j := &Jobs{stop: make(chan os.Signal, 1), cont: make(chan os.Signal, 1)}
	j.Stop, j.Continue = j.stop, j.cont
	signal.Notify(j.stop, unix.SIGTSTP)
	signal.Notify(j.cont, unix.SIGCONT)
	return j
}

// watchContinue watches Continue alone. SIGTSTP, once it has been watched, would be without effect for good.
func watchContinue() *Jobs {
	j := &Jobs{cont: make(chan os.Signal, 1)}
	j.Continue = j.cont
	signal.Notify(j.cont, unix.SIGCONT)
	return j
}

// Suspend stops the process, as SIGTSTP would have, and says whether it does: not
// where no shell could continue it. It may return before the stop has taken effect.
func (j *Jobs) Suspend() bool {
	mine, err := unix.Getsid(0)
	parents, errParent := unix.Getsid(os.Getppid())
	if err != nil || errParent != nil || mine != parents {
		return false
	}
	// Not SIGTSTP: having once been watched, it has no effect any more in Go.
	return syscall.Kill(os.Getpid(), unix.SIGSTOP) == nil
}

// Close ends watching.
func (j *Jobs) Close() {
	if j.stop != nil {
		signal.Stop(j.stop)
	}
	signal.Stop(j.cont)
}

// RequestStop asks for what SIGTSTP asks for.
func RequestStop() { syscall.Kill(os.Getpid(), unix.SIGTSTP) }

// background is what continues a process that has been stopped, a moment after its
// shell has noticed.
const background = "sleep 0.2; kill -CONT %d"

// ContinueSoon has another process continue this one, after a Suspend: the shell
// then goes on without it, as after bg. From now on the end of the terminal does not
// end the process.
func ContinueSoon() error {
	signal.Ignore(unix.SIGHUP)
	helper := exec.Command("/bin/sh", "-c", fmt.Sprintf(background, os.Getpid()))
	helper.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // or it would be stopped too
	if err := helper.Start(); err != nil {
		return err
	}
	go helper.Wait() // ends by itself
	return nil
}
