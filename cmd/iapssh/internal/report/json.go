package report

import "encoding/json"

// record is what programs get of a failure. Its fields only ever become more.
type record struct {
	Version   int    `json:"v"`
	Stage     Stage  `json:"stage"`     // where on the way; "" if that is not known
	Code      string `json:"code"`      // what --explain explains, or a word; may be empty
	Retryable bool   `json:"retryable"` // the same may succeed later, with nothing changed
	Principal string `json:"principal"` // who asked, or ""
	Target    string `json:"target"`    // VM.ZONE.PROJECT, or the host
	Missing   string `json:"missing"`   // the role or the rule that is missing, or ""
	Fix       string `json:"fix"`       // as people are told
}

// JSON gives the failure as one line, for programs. target is what was to be reached.
func (f Failure) JSON(principal, target string) []byte {
	line, err := json.Marshal(record{
		Version: 1, Stage: f.Stage, Code: f.Code, Retryable: f.Retryable, Principal: principal, Target: target, Missing: f.Missing, Fix: f.Fix,
	})
	if err != nil {
		return nil // strings always marshal
	}
	return append(line, '\n')
}
