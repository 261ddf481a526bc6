package config

// Synopsis is what ssh would call its usage: printed after a complaint about the
// command line.
const Synopsis = `usage: iapssh [-46AaCfGgKkMNnqsTtVvXxYy] [-B bind_interface]
              [-b bind_address] [-c cipher_spec]
              [-D [bind_address:]port] [-E log_file] [-e escape_char]
              [-F configfile] [-i identity_file] [-J destination] [-L address]
              [-l login_name] [-m mac_spec] [-O ctl_cmd] [-o option] [-P tag]
              [-p port] [-R address] [-S ctl_path] [-W host:port]
              [--project=PROJECT] [--zone=ZONE] [--network-interface=NIC]
              [--region=REGION --network=NETWORK [--dest-group=GROUP]]
              destination [command [argument ...]]
       iapssh [-Q query_option]
       iapssh --listen-on-stdin [--ensure-key[=FILE]] [--project=PROJECT]
              [--zone=ZONE] VM PORT
       iapssh --tunnel [flags] VM PORT | VM:PORT[=[HOST]:PORT] ... [-- command]
       iapssh --gcloud [alpha|beta] compute ssh|config-ssh|start-iap-tunnel
       iapssh --doctor [--json] VM
       iapssh --explain VM ...
       iapssh --host-keys VM ...
       iapssh --forget [VM ...]
       iapssh --list[=json|ansible] [--project=PROJECT,...] [--filter=EXPR]
       iapssh --config-ssh [--project=PROJECT,...] [--filter=EXPR] [--dry-run]
              [--remove]
       iapssh --completion=bash|zsh|fish
       iapssh --explain CODE
       iapssh --help | --version
`

// Usage is the answer to --help.
const Usage = `iapssh: ssh to a Google Cloud VM through Identity-Aware Proxy, without gcloud.

  iapssh [options] [user@]vm [command]
  iapssh --listen-on-stdin [flags] vm port
  iapssh --tunnel [flags] vm port [-- command [argument ...]]
  iapssh --tunnel [flags] vm:port[=[host]:port] ... [-- command [argument ...]]
  iapssh --gcloud [alpha|beta] compute ssh|config-ssh|start-iap-tunnel
  iapssh --doctor [--json] vm
  iapssh --explain vm ...
  iapssh --host-keys vm ...
  iapssh --forget [vm ...]
  iapssh --list [flags]       the VMs of a project, or several
  iapssh --config-ssh [flags] Host blocks for them, for stock ssh and editors
  iapssh --completion=bash|zsh|fish
  iapssh --explain CODE       what an error's code means, and what mends it

The first form is ssh: the same options, the same ~/.ssh/config, the same exit
codes. -v says which way was taken to the host, and why; the first that applies:

  1. IAP yes or no, a ProxyJump, a ProxyCommand. gcloud's and similar ones that
     lead through IAP are served in this process, without gcloud.
  2. any flag or IAP keyword below: through IAP
  3. VM.ZONE.PROJECT, internal DNS names, resource URLs: through IAP
  4. addresses, other dotted names, what cannot be a VM's name: directly
  5. names in the hosts file or in known_hosts: directly
  6. other bare names: through IAP, if a project and a sign-in are known; with no
     zone known, the name is looked up in the project, and dialled directly if
     there is no such VM. What was found is remembered; --forget forgets it.

The second form carries one TCP connection on stdin and stdout, for use as
  ProxyCommand iapssh --listen-on-stdin --project=P --zone=Z %h %p
-v or --verbosity=debug tells each step there too. With --ensure-key[=FILE] the
VM lets FILE (default: gcloud's key) in for an hour more, or is given it as with
iapssh itself, for the login of -l; nothing is asked if that is known already.

The third listens on a local port, any that is free unless told otherwise, and
leads its clients to the VM's port; the fourth does so for several. {port} and
$IAPSSH_PORT tell the command which. Flags, beside those below:

  --local-host-port=[HOST]:PORT  where to listen; also --local-host, --local-port
  --iap-tunnel-disable-connection-check  listen without having tried the way
  --idle-timeout=10m             end after so long without a client
  --exit-with-parent             end with the process that started this one
  --metrics-addr=[HOST]:PORT     serve metrics for Prometheus at /metrics
  --ready-fd=N                   tell the ports to an open descriptor
  -f                             go into the background, and print port and pid

The fifth takes gcloud's own command line, with all its flags: docs/gcloud.md has
what differs. --dry-run prints what an ssh of gcloud's is here.

--doctor goes the whole way, says what proves each step or what mends it, and
changes nothing: see docs/doctor.md.

--explain tells what would be done to reach a VM, and who said so; it asks nobody
and changes nothing. --host-keys prints, as lines of known_hosts, the host keys
that VMs have published (in their guest attributes). See docs/vms.md for what is
read of a VM, remembered and trusted.

--list prints a table, or with --json what programs read; its flags, beside those
that say who asks: --project=P1,P2, --zone=ZONE and --filter=EXPR, in Compute
Engine's language ("labels.env=prod AND status=RUNNING"). --list=ansible is an
inventory for Ansible, as is this program called iapssh-inventory. --completion
prints what a shell reads to complete names of VMs. See docs/list.md.

--config-ssh writes ~/.ssh/iapssh_config, a block for each VM whether or not it
has an external address, and one line into ~/.ssh/config that includes it, so that
"ssh VM.ZONE.PROJECT", scp and editors go through iapssh. --remove takes both away,
--dry-run only prints. It takes --project and --filter as --list does, and
--ssh-key-file, --ssh-config-file and -l. See docs/config-ssh.md.

--audit-log=FILE|syslog (IAPAuditLog) gets a line of JSON for each session;
--log-file=FILE and --log-format=json say where and how messages are written.

Flags beside ssh's own (each also in ssh_config, by the keyword at the right;
"IgnoreUnknown IAP*" keeps ssh from minding):

  --project=PROJECT             IAPProject        default: gcloud's core/project
                                                  (ssh_config may list several)
  --zone=ZONE                   IAPZone           default: gcloud's compute/zone
  --network-interface=NIC       IAPInterface      default: nic0
  --region=REGION               IAPRegion         with the next, not a VM: a host of
  --network=NETWORK             IAPNetwork        a network, by address or name
  --dest-group=GROUP            IAPDestGroup      that admits to the host
  --cloud-run=TYPE              IAPCloudRun       not a VM but a service, job,
                                                  worker-pool or instance of that
                                                  name in a region; a service also
                                                  as NAME/revisions/REVISION
  --project-number=NUMBER       IAPProjectNumber  of Cloud Run's, for who may not
                                                  look it up
  --instance=ID                 IAPCloudRunInstance
  --container=NAME              IAPContainer      which container of it
  --private-service-connect=HOST[:PORT]           endpoint through which Google's
                                IAPPrivateServiceConnect  relay is reached
  --account=ACCOUNT             IAPAccount        default: gcloud's core/account
  --configuration=NAME          IAPConfiguration  gcloud configuration to read
  --impersonate-service-account=ROBOT[,ROBOT...]  acts as the last; those before
                                                  it delegate to the next
                  IAPImpersonateServiceAccount    none: as nobody else
  --reason=TEXT                 IAPReason         for Google's audit logs
                                IAPTokenCache     no: keep no access token on disk
                                IAPReconnect      yes: -N, when its session is lost,
                                                  keeps its ports and connects again
  --fail-code=N                 exit with N, not 255, when iapssh itself fails
  --error-fd=N                  write one line of JSON there when it does; or to
                                the file that $IAPSSH_ERROR_FILE names
  --wait[=TIME]                 IAPWait           for a VM that is being created or
                                                  starts up; 5m without a TIME
  --timing                      how long each phase of the connect took, in the end
  --ssh-key-file=FILE           IAPKeyFile        the key that VMs may be given;
                                                  ~/.ssh/google_compute_engine
  --ssh-key-expire-after=TIME   IAPKeyLifetime    for how long; default: 1d
  -o IAPUser=given|oslogin      IAPUser           oslogin: a login name gives way
                                                  to OS Login's, as with gcloud
  --force-key-file-overwrite    IAPOverwriteKey   a key file that cannot be read
                                                  may be replaced
  --push-key=auto|no|instance|project
                                IAPPushKey        where it may be put, see docs/vms.md
  --no-push  --plain            IAPPushKey no     nothing is changed at Google
  -o IAP=yes|no|auto            IAP               through IAP, directly, or as above
  -o IAP=internal|external                        to that address of the VM
  -o IAP=fallback                                 to the external one, if it has
                                                  one, else through IAP

Options of ssh that work:
  -4 -6                 addresses of a direct connection
  -A -a                 let the far side use the ssh-agent, or not
  -b addr  -B iface     where a direct connection comes from
  -c -m list            ciphers, MACs
  -E file  -y           write messages to a file, to syslog
  -D [addr:]port        SOCKS proxy here, for what the far side reaches
  -e char               escape character, or none
  -f                    go into the background once the command is started
  -F file               read this configuration only; none for none
  -G                    print the configuration for a host, and exit
  -g                    forwards listen on all addresses
  -i file               identity file
  -J host,host          through these hosts, each [user@]host[:port], with a
                        configuration each; flags about IAP are the first one's
  -L [addr:]port:host:port
                        connections here go to what the far side reaches; a
                        socket's path may stand for either end
  -l user  -p port      login name, port
  -M                    be a master: share the connection at -S
  -N                    no remote command
  -n                    stdin from nothing
  -o Key=Value          any keyword of ssh_config
  -O check|forward|cancel|conninfo|channels|proxy|exit|stop
                        ask something of the master at -S
  -P tag                for "Match tagged"
  -Q subject            list what is supported: cipher, mac, kex, key, help
  -q  -v -vv -vvv       say less, say more
  -R [addr:]port:host:port
                        connections there come here; without host:port a SOCKS
                        proxy there
  -S path               use the connection that a master shares there
  -s                    the command is a subsystem
  -T  -t  -tt           no terminal, a terminal, a terminal whatever stdin is
  -V                    print the version as ssh does
  -W host:port          connect stdin and stdout to there, from the far side
  -X -Y -x              show windows of the far side here: of programs that are not
                        trusted, that are trusted, or none

At the beginning of a line ~? lists the escapes, ~. ends the session at once,
~s shows how the connection does; so does SIGUSR1, or Ctrl-Break on Windows.

Proxies are taken from gcloud's proxy/* properties, HTTPS_PROXY, ALL_PROXY and
NO_PROXY.

Called as iapproxy, it takes that program's command line.

Examples:
  iapssh --tunnel db 5432 -- psql -h localhost -p {port}
  iapssh --project=my-project --zone=europe-west1-b web-1
  iapssh web-1 -- 'journalctl -f'
  tar c . | iapssh web-1 'tar x -C /srv'
`
