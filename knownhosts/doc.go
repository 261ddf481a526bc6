// Package knownhosts decides whom to trust by OpenSSH's known_hosts files, as
// OpenSSH would, and says why.
//
// The way of a connection through it:
//
//	store, err := knownhosts.Read(userFile, systemFile)   // files to text; bad lines harm nobody
//	algorithms := store.Algorithms(target, nil)           // ask first for the keys that can be checked
//	...                                                   // key exchange: the server shows a key
//	verdict := store.Decide(knownhosts.Query{...})        // what the files say of it, and which line
//	warning := verdict.Warning(policy, userFile)          // the text that ssh prints, or ""
//	switch verdict.Action(policy, batch) { ... }          // accept, add, ask, refuse, accept degraded
//	knownhosts.Append(userFile, names, key, hash)         // learn it
//
// Everything but Read and Append is a function of plain values: it opens no
// file, asks nobody and knows no clock.
//
// # Names
//
// A host is stored under the form that [Name] makes of its name and port. Which
// name that is is up to the caller: a [Target] has ssh_config's HostKeyAlias to
// replace it, for hosts whose address says little about who they are.
//
// # Where this differs from OpenSSH
//
// The behaviour is that of OpenSSH 9.2 to 10.5 (hostfile.c, match.c,
// sshconnect.c, sshconnect2.c), and the tests compare with the installed ssh and
// ssh-keygen. Known differences:
//
//   - A key that is revoked for the plain name of a host is revoked for its other
//     ports. OpenSSH warns and goes on as with an unknown key.
//   - A marker may be followed by a tab. OpenSSH then ignores the line, and so a
//     revocation.
//   - Of certificates, wildcard principals match, and a list of none does not, as
//     since OpenSSH 10.3; before, it was the other way round.
//   - A hashed name matches a HostKeyAlias in capitals; OpenSSH stores such an
//     alias in lower case and does not find it again.
//   - The question is worded as before OpenSSH 10.1, and the remedy for a changed
//     key is shown, which only Debian's ssh does. Long names are not cut off.
//   - A last line without line ending gets one before a line is added, as since
//     OpenSSH 9.3.
//   - In names from files, what a terminal may take for a command is written
//     in octal.
//
// Not here yet: KRLs, KnownHostsCommand, UpdateHostKeys, VisualHostKey, MD5
// fingerprints. SSHFP records in DNS are not supported.
package knownhosts
