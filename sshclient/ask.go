package sshclient

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
)

// maxPrompt bounds a text of the server's that is shown when it asks something.
const maxPrompt = 4096

// maxQuestions bounds how many questions a server asks at once, and how often it
// does within one attempt.
const maxQuestions = 64

var (
	errNobodyToAsk = errors.New("nobody may be asked")
	errTooManyAsks = errors.New("server asks too much")
)

// ask asks the user, unless nobody may be asked.
func (a *authenticator) ask(ctx context.Context, prompt string, echo bool) (string, error) {
	if !a.mayAsk() {
		return "", errNobodyToAsk
	}
	return a.auth.Ask(ctx, prompt, echo)
}

func (a *authenticator) mayAsk() bool { return a.auth.Ask != nil && !a.auth.BatchMode }

// passphrase is the passphraser of this handshake.
func (a *authenticator) passphrase(ctx context.Context, path string, n int) (string, error) {
	if !a.mayAsk() {
		a.log(Debug1, "will not query passphrase for %s in batch mode.", path)
		return "", errLocked
	}
	if n >= a.auth.MaxPrompts {
		return "", errLocked
	}
	if n > 0 {
		a.log(Debug2, "bad passphrase given, try again...")
	}
	return a.ask(ctx, fmt.Sprintf("Enter passphrase for key '%s': ", path), false)
}

// permitted asks for a yes, which an empty answer is as well.
func (a *authenticator) permitted(question string) bool {
	answer, err := a.ask(a.ctx, question, true)
	return err == nil && (answer == "" || strings.EqualFold(answer, "yes"))
}

// more says whether a method that needs the user may be begun once more. No secret
// goes to a server that may be anyone.
func (a *authenticator) more(c *counter) bool {
	if c.over || !a.mayAsk() || a.degraded() || c.begun >= a.auth.MaxPrompts {
		return false
	}
	c.begun++
	return true
}

// nextPassword returns an attempt with a password, nil if there is none left.
func (a *authenticator) nextPassword() ssh.AuthMethod {
	if !a.more(&a.passwords) {
		return nil
	}
	if a.passwords.begun > 1 {
		a.log(Error, "Permission denied, please try again.")
	}
	return ssh.PasswordCallback(a.password)
}

func (a *authenticator) password() (string, error) {
	password, err := a.ask(a.ctx, fmt.Sprintf("%s@%s's password: ", a.user, a.auth.PromptHost), false)
	if err != nil {
		a.passwords.over = true
		a.log(Debug1, "no password: %v", err)
	}
	return password, err
}

// nextQuestions returns an attempt with the server's questions, nil if there is none left.
func (a *authenticator) nextQuestions() ssh.AuthMethod {
	if !a.more(&a.questions) {
		return nil
	}
	q := &questions{auth: a}
	a.questions.over = true // unless the server asks something
	return ssh.KeyboardInteractive(q.answer)
}

// questions is one attempt of keyboard-interactive authentication (RFC 4256).
type questions struct {
	auth   *authenticator
	rounds int
}

// answer shows what the server has to say, and asks its questions.
func (q *questions) answer(name, instruction string, prompts []string, echo []bool) ([]string, error) {
	a := q.auth
	a.questions.over = false
	if q.rounds++; q.rounds > maxQuestions || len(prompts) > maxQuestions {
		a.questions.over = true
		return nil, errTooManyAsks
	}
	for _, text := range []string{name, instruction} {
		for line := range strings.SplitSeq(visible(text, maxPrompt), "\n") {
			if line != "" {
				a.log(Info, "%s", line)
			}
		}
	}
	answers := make([]string, len(prompts))
	for i, prompt := range prompts {
		var err error
		shown := fmt.Sprintf("(%s@%s) %s", a.user, a.auth.PromptHost, visible(prompt, maxPrompt))
		if answers[i], err = a.ask(a.ctx, shown, echo[i]); err != nil {
			a.questions.over = true
			a.log(Debug1, "no answer: %v", err)
			return nil, err
		}
	}
	return answers, nil
}
