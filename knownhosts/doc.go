// Package knownhosts decides whom to trust by OpenSSH's known_hosts files, as
// OpenSSH would, and says why.
//
// The way of a connection through it:
//
//	store, err := knownhosts.Read(userFiles, systemFiles) // files to text; bad lines harm nobody
//	algorithms := store.Algorithms(target, nil)           // ask first for the keys that can be checked
//	...                                                   // key exchange: the server shows a key
//	err = knownhosts.CheckRevoked(file, key)              // RevokedHostKeys come before all else
//	verdict := store.Decide(knownhosts.Query{...})        // what the files say of it, and which line
//	warning := verdict.Warning(policy, userFile)          // the text that ssh prints, or ""
//	switch verdict.Action(policy, batch) { ... }          // accept, add, ask, refuse, accept degraded
//	switch verdict.AddressAction(policy, batch) { ... }   // the same for CheckHostIP
//	knownhosts.Append(userFile, verdict.Names(), key, hash)
//	...                                                   // the server, if verdict.MayUpdate(), tells of its other keys
//	update, err := store.Update(query, keys)              // what that changes (UpdateHostKeys)
//	update.Apply(userFiles, hash)                         // once the server has proved that it holds update.New
//
// Everything but Read, CheckRevoked, Append, Replace and Apply is a function of
// plain values: it opens no file, asks nobody and knows no clock.
//
// Lines that stand in no file, such as KnownHostsCommand prints, or a cloud's own
// list of a machine's keys, go into the query as [Query.Told].
//
// # Map
//
//   - store.go: [Read], and looking names up; line.go: one line; match.go: patterns and
//     hashed names; keytype.go: names of keys and their types
//   - name.go: the names that a host is looked up by
//   - decide.go: [Store.Decide]; certificate.go: certificates of hosts; address.go:
//     CheckHostIP; revoked.go: RevokedHostKeys; algorithms.go: which keys to ask for
//   - policy.go: what StrictHostKeyChecking makes of a verdict
//   - message.go, question.go: what the user is told and asked; fingerprint.go:
//     fingerprints and pictures
//   - append.go, replace.go, update.go: what changes in the files; filelock keeps
//     processes from doing it at once
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
// sshconnect.c, sshconnect2.c, clientloop.c), and the tests compare with the
// installed ssh and ssh-keygen. Known differences:
//
//   - A key that is revoked for the plain name of a host is revoked for its other
//     ports, and one that is revoked for the address for the host. OpenSSH warns
//     of the former and goes on as with an unknown key, and overlooks the latter.
//   - A marker may be followed by a tab. OpenSSH then ignores the line, and so a
//     revocation.
//   - Of certificates, wildcard principals match, and a list of none does not, as
//     since OpenSSH 10.3; before, it was the other way round.
//   - A plain key inside a certificate of no use has to be one of the permitted
//     algorithms, as since OpenSSH 9.8.
//   - A hashed name matches a HostKeyAlias in capitals; OpenSSH stores such an
//     alias in lower case and does not find it again.
//   - Questions are worded as before OpenSSH 10.1, and the remedy for a changed
//     key is shown, which only Debian's ssh does; but not for one that stands in no
//     file. Long names are not cut off.
//   - A last line without line ending gets one before a line is added, as since
//     OpenSSH 9.3.
//   - In names from files, what a terminal may take for a command is written
//     in octal.
//   - A file that is replaced keeps its mode, and a link to it stays one.
//   - Where both a port's and the usual port's lines are about an address, there
//     is one question about them, not two.
//
// Binary key revocation lists (KRLs) are refused: they revoke all keys. SSHFP
// records in DNS (VerifyHostKeyDNS) are not supported.
package knownhosts
