package config

import (
	"fmt"
	"slices"
	"strings"
)

// knownAlgorithms are the names that OpenSSH 9 or 10 knows, by keyword. A name
// that is not among them is a mistake, and said to be one, as in ssh; one that
// is may still be none of ours, and is left out where the list is used.
var knownAlgorithms = map[string][]string{
	"ciphers": strings.Fields(`3des-cbc aes128-cbc aes192-cbc aes256-cbc aes128-ctr aes192-ctr aes256-ctr
		aes128-gcm@openssh.com aes256-gcm@openssh.com chacha20-poly1305@openssh.com`),
	"macs": strings.Fields(`hmac-sha1 hmac-sha1-96 hmac-sha2-256 hmac-sha2-512 hmac-md5 hmac-md5-96
		umac-64@openssh.com umac-128@openssh.com hmac-sha1-etm@openssh.com hmac-sha1-96-etm@openssh.com
		hmac-sha2-256-etm@openssh.com hmac-sha2-512-etm@openssh.com hmac-md5-etm@openssh.com
		hmac-md5-96-etm@openssh.com umac-64-etm@openssh.com umac-128-etm@openssh.com`),
	"kexalgorithms": strings.Fields(`diffie-hellman-group1-sha1 diffie-hellman-group14-sha1
		diffie-hellman-group14-sha256 diffie-hellman-group16-sha512 diffie-hellman-group18-sha512
		diffie-hellman-group-exchange-sha1 diffie-hellman-group-exchange-sha256
		ecdh-sha2-nistp256 ecdh-sha2-nistp384 ecdh-sha2-nistp521 curve25519-sha256 curve25519-sha256@libssh.org
		sntrup761x25519-sha512 sntrup761x25519-sha512@openssh.com mlkem768x25519-sha256 mlkem768nistp256-sha256`),
	"casignaturealgorithms": strings.Fields(`ssh-ed25519 sk-ssh-ed25519@openssh.com ecdsa-sha2-nistp256
		ecdsa-sha2-nistp384 ecdsa-sha2-nistp521 sk-ecdsa-sha2-nistp256@openssh.com
		webauthn-sk-ecdsa-sha2-nistp256@openssh.com ssh-dss ssh-rsa rsa-sha2-256 rsa-sha2-512
		ssh-mldsa44-ed25519@openssh.com`),
	"hostkeyalgorithms": strings.Fields(`ssh-ed25519 ssh-ed25519-cert-v01@openssh.com
		sk-ssh-ed25519@openssh.com sk-ssh-ed25519-cert-v01@openssh.com
		ecdsa-sha2-nistp256 ecdsa-sha2-nistp256-cert-v01@openssh.com
		ecdsa-sha2-nistp384 ecdsa-sha2-nistp384-cert-v01@openssh.com
		ecdsa-sha2-nistp521 ecdsa-sha2-nistp521-cert-v01@openssh.com
		sk-ecdsa-sha2-nistp256@openssh.com sk-ecdsa-sha2-nistp256-cert-v01@openssh.com
		webauthn-sk-ecdsa-sha2-nistp256@openssh.com webauthn-sk-ecdsa-sha2-nistp256-cert-v01@openssh.com
		ssh-dss ssh-dss-cert-v01@openssh.com ssh-rsa ssh-rsa-cert-v01@openssh.com
		rsa-sha2-256 rsa-sha2-256-cert-v01@openssh.com rsa-sha2-512 rsa-sha2-512-cert-v01@openssh.com
		ssh-mldsa44-ed25519@openssh.com ssh-mldsa44-ed25519-cert-v01@openssh.com`),
}

// algorithms reads a list of names of the kind of a keyword, with +, - or ^
// before it. complaint has a %s for the list.
func algorithms(kind, complaint string) reader {
	return func(args []string, _ string) ([]string, []string, string) {
		if len(args) == 0 || args[0] == "" {
			return nil, nil, missingArgument
		}
		if !validAlgorithms(kind, args[0]) {
			return nil, nil, fmt.Sprintf(complaint, args[0])
		}
		return args[:1], args[1:], ""
	}
}

// validAlgorithms says whether ssh takes a list. What "-" removes may be
// anything. Key types may be patterns that match some name.
func validAlgorithms(kind, list string) bool {
	if list == "" || list[0] == '-' {
		return list != ""
	}
	list = strings.TrimPrefix(strings.TrimPrefix(list, "+"), "^")
	patterns := kind == "hostkeyalgorithms" || kind == "casignaturealgorithms"
	for i, name := range strings.Split(list, ",") {
		if name == "" && i > 0 {
			break // ssh looks no further
		}
		if !knowsAlgorithm(kind, name, patterns) {
			return false
		}
	}
	return true
}

// KnowsAlgorithm says whether a name may stand in the list of a keyword: ciphers,
// macs, kexalgorithms, hostkeyalgorithms or casignaturealgorithms.
func KnowsAlgorithm(keyword, name string) bool { return knowsAlgorithm(keyword, name, false) }

func knowsAlgorithm(kind, name string, pattern bool) bool {
	for _, known := range knownAlgorithms[kind] {
		if name == known || pattern && matchPattern(known, name) {
			return true
		}
	}
	return false
}

// queries are the subjects of -Q. The answer is main's, who knows what is
// supported.
var queries = strings.Fields(`cipher cipher-auth compression kex key key-ca-sign key-cert key-plain key-sig mac
	protocol-version sig help`)

// queryKeywords are keywords that may stand for a subject.
var queryKeywords = map[string]string{
	"ciphers": "cipher", "macs": "mac", "kexalgorithms": "kex", "casignaturealgorithms": "key-ca-sign",
	"pubkeyacceptedkeytypes": "key-sig", "pubkeyacceptedalgorithms": "key-sig", "hostkeyalgorithms": "key-sig",
	"hostbasedkeytypes": "key-sig", "hostbasedacceptedkeytypes": "key-sig", "hostbasedacceptedalgorithms": "key-sig",
}

// query reads the argument of -Q.
func query(name string) (string, error) {
	if slices.Contains(queries, name) {
		return name, nil
	}
	if subject, ok := queryKeywords[lower(name)]; ok {
		return subject, nil
	}
	return "", &UsageError{Text: fmt.Sprintf("Unsupported query \"%s\"", name)}
}
