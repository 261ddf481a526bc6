package tty

import "io"

// askJob asks a question anew when its process is continued: the shell, to which the
// terminal belonged meanwhile, may have switched the echo on. Its goroutine is run.
//
// Only who has opened the terminal for the question has one. Who holds it for a session
// sees to its jobs himself.
type askJob struct {
	terminal *Terminal
	prompt   string
	echo     bool
	jobs     *Jobs
	stop     chan struct{}
	done     chan struct{}
}

func watchAsking(t *Terminal, prompt string, echo bool) *askJob {
	a := &askJob{terminal: t, prompt: prompt, echo: echo, jobs: watchContinue(), stop: make(chan struct{}), done: make(chan struct{})}
	go a.run()
	return a
}

func (a *askJob) run() {
	defer close(a.done)
	for {
		select {
		case <-a.jobs.Continue:
			a.again()
		case <-a.stop:
			return
		}
	}
}

// again asks anew. In the background that stops the process until it has the terminal.
func (a *askJob) again() {
	a.terminal.Restore()
	if _, err := a.terminal.beginAsking(a.echo); err == nil {
		io.WriteString(a.terminal.out, a.prompt)
	}
}

// end ends the watch, before the terminal is given back.
func (a *askJob) end() {
	close(a.stop)
	<-a.done
	a.jobs.Close()
}
