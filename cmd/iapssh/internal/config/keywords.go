package config

// An effect says what a keyword of ssh_config does here.
type effect int

const (
	honoured effect = iota // it has its meaning, or ignoring it changes nothing at all
	ignored                // read and checked; Plan.Ignored lists it
	refused                // must not be ignored: refuse.go says when it matters
)

// A keyword is one row of the table: how its arguments are read, and what
// becomes of them.
type keyword struct {
	read    reader
	ports   portReader // in its place, where a service's name may stand for a port
	effect  effect
	appends bool // values collect instead of the first winning
	env     bool // ${ENV} is expanded before the arguments are read
}

// structural are the keywords that evaluate.go obeys itself.
const (
	kwHost    = "host"
	kwMatch   = "match"
	kwInclude = "include"
)

// aliases are obsolete names, to the name they stand for.
var aliases = map[string]string{
	"challengeresponseauthentication": "kbdinteractiveauthentication",
	"skeyauthentication":              "kbdinteractiveauthentication",
	"tisauthentication":               "kbdinteractiveauthentication",
	"dsaauthentication":               "pubkeyauthentication",
	"identityfile2":                   "identityfile",
	"keepalive":                       "tcpkeepalive",
	"hostbasedkeytypes":               "hostbasedacceptedalgorithms",
	"pubkeyacceptedkeytypes":          "pubkeyacceptedalgorithms",
	"smartcarddevice":                 "pkcs11provider",
}

var keyTypes = algorithms("hostkeyalgorithms", "Bad key types '%s'.")

// keywords is every name that OpenSSH 10 knows, those that Debian's and Apple's
// patches add, and ours. A name that is in neither table is a bad option.
var keywords = map[string]keyword{
	// Who and where.
	"hostname":      {read: word},
	"user":          {read: word},
	"port":          {ports: port},
	"addressfamily": {read: oneOf("any", "inet", "inet6")},
	"bindaddress":   {read: word},
	"bindinterface": {read: word},
	"tag":           {read: word},

	// Through IAP: ours, behind IgnoreUnknown IAP* for OpenSSH.
	"iap":              {read: iapChoice},
	"iapproject":       {read: someWords},
	"iapzone":          {read: word},
	"iapinterface":     {read: word},
	"iapaccount":       {read: word},
	"iappushkey":       {read: oneOf("auto", "no", "instance", "project")},
	"iapkeyfile":       {read: word},
	"iapkeylifetime":   {read: seconds},
	"iapoverwritekey":  {read: flag},
	"iapuser":          {read: oneOf("given", "oslogin")},
	"iapconfiguration": {read: word},

	"iapcloudrun":         {read: cloudRunType},
	"iapprojectnumber":    {read: word},
	"iapcloudruninstance": {read: word},
	"iapcontainer":        {read: word},

	"iapregion":                    {read: word},
	"iapnetwork":                   {read: word},
	"iapdestgroup":                 {read: word},
	"iapimpersonateserviceaccount": {read: word},
	"iapprivateserviceconnect":     {read: word},
	"iaptokencache":                {read: flag},
	"iapreason":                    {read: word},
	"iapwait":                      {read: seconds},
	"iapauditlog":                  {read: word},
	"iapauditcommands":             {read: flag},
	"iapreconnect":                 {read: flag},

	// Other ways to the host.
	"proxycommand":                {read: restOfLine},
	"proxyjump":                   {ports: jump},
	"proxyusefdpass":              {read: flag},
	"canonicalizehostname":        {read: states(flagStates, "always", "always")},
	"canonicalizepermittedcnames": {read: permittedCNAMEs},
	"canonicaldomains":            {read: domains},
	"canonicalizefallbacklocal":   {read: flag},
	"canonicalizemaxdots":         {read: integer},
	"tunnel": {read: states([]string{"yes", "point-to-point", "true", "point-to-point", "no", "no", "false", "no"},
		"ethernet", "ethernet", "point-to-point", "point-to-point"), effect: refused},
	"tunneldevice": {read: tunnelDevice},

	// Who we are.
	"identityfile":                 {read: word, appends: true},
	"certificatefile":              {read: word, appends: true},
	"identitiesonly":               {read: flag},
	"identityagent":                {read: agentPath},
	"addkeystoagent":               {read: addKeysToAgent},
	"preferredauthentications":     {read: word},
	"pubkeyauthentication":         {read: states(flagStates, "unbound", "unbound", "host-bound", "host-bound")},
	"passwordauthentication":       {read: flag},
	"kbdinteractiveauthentication": {read: flag},
	"kbdinteractivedevices":        {read: word, effect: ignored},
	"hostbasedauthentication":      {read: flag, effect: ignored},
	"hostbasedacceptedalgorithms":  {read: keyTypes, effect: ignored},
	"enablesshkeysign":             {read: flag, effect: ignored},
	"numberofpasswordprompts":      {read: integer},
	"pkcs11provider":               {read: word, effect: ignored},
	"securitykeyprovider":          {read: word, effect: ignored},
	"gssapiauthentication":         {read: flag, effect: ignored},
	"gssapidelegatecredentials":    {read: flag, effect: ignored},
	"gssapikeyexchange":            {read: flag, effect: ignored},
	"gssapitrustdns":               {read: flag, effect: ignored},
	"gssapirenewalforcesrekey":     {read: flag, effect: ignored},
	"gssapiclientidentity":         {read: word, effect: ignored},
	"gssapiserveridentity":         {read: word, effect: ignored},
	"gssapikexalgorithms":          {read: word, effect: ignored},
	"usekeychain":                  {read: flag, effect: ignored},

	// Whom we trust.
	"hostkeyalias":                     {read: word},
	"userknownhostsfile":               {read: list},
	"globalknownhostsfile":             {read: list},
	"stricthostkeychecking":            {read: states(flagStates, "ask", "ask", "off", "no", "accept-new", "accept-new")},
	"hashknownhosts":                   {read: flag},
	"updatehostkeys":                   {read: states(flagStates, "ask", "ask")},
	"checkhostip":                      {read: flag},
	"fingerprinthash":                  {read: fingerprintHash},
	"requiredrsasize":                  {read: integer},
	"revokedhostkeys":                  {read: someList},
	"knownhostscommand":                {read: restOfLine},
	"verifyhostkeydns":                 {read: states(flagStates, "ask", "ask"), effect: ignored},
	"visualhostkey":                    {read: flag},
	"nohostauthenticationforlocalhost": {read: flag},

	// Algorithms, as given.
	"ciphers":                  {read: algorithms("ciphers", "Bad SSH2 cipher spec '%s'.")},
	"macs":                     {read: algorithms("macs", "Bad SSH2 MAC spec '%s'.")},
	"kexalgorithms":            {read: algorithms("kexalgorithms", "Bad SSH2 KexAlgorithms '%s'.")},
	"hostkeyalgorithms":        {read: keyTypes},
	"pubkeyacceptedalgorithms": {read: keyTypes},
	"casignaturealgorithms":    {read: algorithms("casignaturealgorithms", "Bad key types '%s'.")},
	"rekeylimit":               {read: rekeyLimit},
	"warnweakcrypto":           {read: states(flagStates, "no-pq-kex", "no"), effect: ignored},

	// The connection.
	"connecttimeout":         {read: seconds},
	"connectionattempts":     {read: integer},
	"serveraliveinterval":    {read: seconds},
	"serveralivecountmax":    {read: integer},
	"tcpkeepalive":           {read: flag},
	"batchmode":              {read: flag},
	"compression":            {read: oneOf("yes", "no"), effect: ignored},
	"ipqos":                  {read: qualities, effect: ignored},
	"channeltimeout":         {read: channelTimeouts},
	"obscurekeystroketiming": {read: keystrokeTiming, effect: ignored},
	"versionaddendum":        {read: addendum},
	"refuseconnection":       {read: word},

	// The session.
	"requesttty":              {read: states(flagStates, "force", "force", "auto", "auto")},
	"remotecommand":           {read: restOfLine},
	"sessiontype":             {read: oneOf("none", "subsystem", "default")},
	"stdinnull":               {read: flag},
	"forkafterauthentication": {read: flag},
	"escapechar":              {read: escapeChar},
	"enableescapecommandline": {read: flag},
	"sendenv":                 {read: sendEnv, appends: true},
	"setenv":                  {read: setEnv},
	"localcommand":            {read: restOfLine},
	"permitlocalcommand":      {read: flag},
	"loglevel":                {read: logLevel},
	"logverbose":              {read: firstOfList, effect: ignored},
	"syslogfacility":          {read: facility},
	"ignoreunknown":           {read: word},
	"controlmaster":           {read: states(flagStates, "auto", "auto", "ask", "ask", "autoask", "autoask")},
	"controlpath":             {read: word},
	"controlpersist":          {read: controlPersist},

	// Forwardings.
	"localforward":          {ports: forwards(LocalForward), appends: true, env: true},
	"remoteforward":         {ports: forwards(RemoteForward), appends: true, env: true},
	"dynamicforward":        {ports: forwards(DynamicForward), appends: true, env: true},
	"clearallforwardings":   {read: flag},
	"exitonforwardfailure":  {read: flag},
	"gatewayports":          {read: flag},
	"permitremoteopen":      {ports: remoteOpens},
	"streamlocalbindmask":   {read: mask},
	"streamlocalbindunlink": {read: flag},
	"forwardagent":          {read: forwardAgent},
	"forwardx11":            {read: flag},
	"forwardx11trusted":     {read: flag},
	"forwardx11timeout":     {read: seconds},
	"xauthlocation":         {read: word},

	// Accepted with any argument: OpenSSH forgot what they meant.
	"protocol":                {read: anything},
	"cipher":                  {read: anything},
	"fallbacktorsh":           {read: anything},
	"globalknownhostsfile2":   {read: anything},
	"rhostsauthentication":    {read: anything},
	"userknownhostsfile2":     {read: anything},
	"useroaming":              {read: anything},
	"usersh":                  {read: anything},
	"useprivilegedport":       {read: anything},
	"afstokenpassing":         {read: anything, effect: ignored},
	"kerberosauthentication":  {read: anything, effect: ignored},
	"kerberostgtpassing":      {read: anything, effect: ignored},
	"rsaauthentication":       {read: anything, effect: ignored},
	"rhostsrsaauthentication": {read: anything, effect: ignored},
	"compressionlevel":        {read: anything, effect: ignored},
}
