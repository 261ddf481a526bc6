// Package audit writes one line of JSON for each session, when it is over: who connected where, as whom, by what proof, how much
// was carried and how it ended. Commands are not in it unless that is asked for, and secrets never.
package audit

import (
	"encoding/json"
	"io"
	"os"
	"time"
)

// Syslog is the name that stands for the system's log.
const Syslog = "syslog"

// Record is a session.
type Record struct {
	Began    time.Time `json:"began"`
	Ended    time.Time `json:"ended"`
	Kind     string    `json:"kind"`               // "ssh", "tunnel", "stdio"
	Who      string    `json:"who,omitempty"`      // the Google account
	Reason   string    `json:"reason,omitempty"`   // gcloud's core/request_reason
	Target   string    `json:"target"`             // as it was reached: VM.ZONE.PROJECT:PORT, HOST:PORT
	Instance string    `json:"instance,omitempty"` // the VM's ID, where it was learnt

	Client string `json:"client,omitempty"` // of a tunnel: the local address

	User      string   `json:"user,omitempty"`       // of SSH: the login
	Method    string   `json:"method,omitempty"`     // by which it was authenticated
	Key       string   `json:"key,omitempty"`        // fingerprint of the key, if it was one
	HostKey   string   `json:"host_key,omitempty"`   // fingerprint
	HostProof string   `json:"host_proof,omitempty"` // why that was trusted
	Forwards  []string `json:"forwards,omitempty"`
	Command   string   `json:"command,omitempty"`

	Sent     uint64 `json:"sent"` // bytes
	Received uint64 `json:"received"`
	Status   int    `json:"status"` // exit code
	Error    string `json:"error,omitempty"`
}

// Log is where records go. Its methods may be called concurrently.
type Log struct{ w io.WriteCloser }

// Open opens a file, to which records are appended and which only its owner may read, or the system's log.
func Open(where string) (*Log, error) {
	if where == Syslog {
		w, err := openSyslog()
		return &Log{w}, err
	}
	f, err := os.OpenFile(where, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	return &Log{f}, err
}

// Write writes a record as one line, in one piece, so that the lines of several processes do not mix.
func (l *Log) Write(r Record) error {
	r.Began, r.Ended = r.Began.UTC().Round(time.Millisecond), r.Ended.UTC().Round(time.Millisecond)
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = l.w.Write(append(line, '\n'))
	return err
}

// Close closes the log.
func (l *Log) Close() error { return l.w.Close() }
