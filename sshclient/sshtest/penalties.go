package sshtest

import (
	"io"
	"net"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// OpenSSH's defaults of PerSourcePenalties (sshd_config(5), since 9.8).
const (
	penaltyAuthFail = 5 * time.Second // for a connection that ends without a login after one was tried
	penaltyNoAuth   = time.Second     // for one that ends before
	penaltyMin      = 15 * time.Second
	penaltyMax      = 10 * time.Minute
)

// Penalties is what an sshd of OpenSSH 9.8 or later holds against one source of connections: all clients of a [Server], as behind
// IAP. A penalty runs off with the time; more than 15 seconds at once have the source refused until they have. The zero value is a
// clean sheet.
type Penalties struct {
	mu      sync.Mutex
	until   time.Time // guarded by mu; when what has been added up runs off
	active  bool      // guarded by mu; it is enforced
	worst   time.Duration
	refused int // guarded by mu, as is worst
}

// Worst is the most that there was at once: above 15 seconds there is a refusal to come.
func (p *Penalties) Worst() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.worst
}

// Refused is how many connections were turned away.
func (p *Penalties) Refused() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.refused
}

// refuses says whether a connection is turned away, and tells it so in sshd's words.
func (p *Penalties) refuses(conn net.Conn) bool {
	p.mu.Lock()
	refuse := p.active && time.Now().Before(p.until)
	if refuse {
		p.refused++
	}
	p.mu.Unlock()
	if refuse {
		io.WriteString(conn, "Not allowed at this time\r\n")
	}
	return refuse
}

// add penalises a connection that ended without a login.
func (p *Penalties) add(attempted bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, penalty := time.Now(), penaltyNoAuth
	if attempted {
		penalty = penaltyAuthFail
	}
	if p.until.Before(now) {
		p.until, p.active = now, false
	}
	p.until = p.until.Add(penalty)
	if p.until.Sub(now) > penaltyMax {
		p.until = now.Add(penaltyMax)
	}
	sum := p.until.Sub(now)
	p.worst = max(p.worst, sum)
	p.active = p.active || sum > penaltyMin
}

// watch has one connection's attempts noted; attempted says whether there was any.
func (p *Penalties) watch(config *ssh.ServerConfig) (attempted *bool) {
	attempted = new(bool)
	config.AuthLogCallback = func(_ ssh.ConnMetadata, method string, _ error) {
		if method != "none" {
			*attempted = true
		}
	}
	return attempted
}
