package creds

import "context"

// Other is a credential that was there and not chosen.
type Other struct {
	Principal string
	Origin    string
	Way       string // what selects it, to be put after "to use it, ": "give --account=bob@example.com"
}

// Other returns the first that is another's than the one in use. It opens files.
func (s *Source) Other() (Other, bool) {
	inner := s
	if i, ok := s.credential.(*impersonation); ok {
		inner = i.base
	}
	for _, p := range s.others {
		c, err := p.open(context.Background())
		if err != nil || c.principal() == "" || c.principal() == inner.Principal() {
			continue
		}
		way := s.way
		if way == "" {
			way = "give --account=" + c.principal()
		}
		return Other{Principal: c.principal(), Origin: c.origin(), Way: way}, true
	}
	return Other{}, false
}
