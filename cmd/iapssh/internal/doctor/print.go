package doctor

import (
	"encoding/json"
	"fmt"
	"io"
)

// Report is an examination for programs. Its fields only ever become more.
type Report struct {
	Version   int     `json:"v"`
	Target    string  `json:"target"`    // VM.ZONE.PROJECT
	Principal string  `json:"principal"` // who asks Google, or ""
	OK        bool    `json:"ok"`        // all have passed
	Checks    []Check `json:"checks"`
}

// WriteJSON writes it in a line.
func (r Report) WriteJSON(w io.Writer) error { return json.NewEncoder(w).Encode(r) }

// WriteText writes it for a person: a line for each check, and one below for what mends it.
func (r Report) WriteText(w io.Writer) error {
	if _, err := fmt.Fprintf(w, "%s\n", r.Target); err != nil {
		return err
	}
	for _, c := range r.Checks {
		line := fmt.Sprintf("%-8s %-9s %s\n", c.Status, c.Name, c.Proof)
		if c.Fix != "" {
			line += fmt.Sprintf("%-18s %s\n", "", c.Fix)
		}
		if _, err := io.WriteString(w, line); err != nil {
			return err
		}
	}
	return nil
}
