package vm

import (
	"slices"
	"strings"
)

// An Action is what is to be done so that a key lets us in.
type Action string

const (
	ActUse      Action = "use"      // nothing: the key is there
	ActLogin    Action = "os login" // add it to the account's OS Login profile
	ActCertify  Action = "certify"  // have OS Login certify it
	ActInstance Action = "instance" // add it to the VM's metadata
	ActProject  Action = "project"  // add it to the project's metadata
	ActAsk      Action = "ask"      // add it to the VM's metadata if the user agrees
	ActRefuse   Action = "refuse"   // nothing: see Why
)

// pushFacts is all that the decision depends on. It is made when no key was accepted and the server takes public keys.
type pushFacts struct {
	Switch   string // IAPPushKey: "auto", "no", "instance", "project"
	User     string
	Terminal bool // the user can be asked

	Read         bool // it is known whether OS Login is on
	OSLogin      bool
	Certificates bool     // OS Login takes nothing else
	Profile      bool     // the account's profile could be read
	LoginUsers   []string // of the profile
	Windows      bool     // the VM has Windows, and takes no keys
	Blocked      bool     // the project's keys do not count on the VM
	Present      bool     // the key is where the VM looks for it, for this user
}

// A Push is the decision, with its reason for -v; of ActRefuse it is for the user, with the way out.
type Push struct {
	Action Action
	Why    string
}

// decidePush is the table: the first row that applies.
func decidePush(f pushFacts) Push {
	switch {
	case f.Switch == "no":
		return Push{ActRefuse, "no key is put on the VM, as was asked for (--no-push, IAPPushKey no)"}
	case !f.Read:
		return Push{ActRefuse, "the VM cannot be read, so that nobody knows where it looks for keys; have its administrator add the key"}
	case f.Windows:
		return Push{ActRefuse, "the VM runs Windows, which takes keys only where its metadata says enable-windows-ssh=TRUE; its users have passwords (gcloud compute reset-windows-password)"}
	case f.OSLogin && !f.Profile:
		return Push{ActRefuse, "the account's OS Login profile cannot be read"}
	case f.OSLogin && len(f.LoginUsers) > 0 && !slices.Contains(f.LoginUsers, f.User):
		return Push{ActRefuse, "OS Login is on, and you are " + strings.Join(f.LoginUsers, " or ") + " there, not " + f.User}
	case f.OSLogin && f.Certificates:
		return Push{ActCertify, "OS Login takes certificates only"}
	case f.Present:
		return Push{ActUse, "the key is there already"}
	case f.OSLogin:
		return Push{ActLogin, "OS Login is on"}
	case f.Switch == "project" && f.Blocked:
		return Push{ActRefuse, "the VM does not take keys from the project's metadata; --push-key=instance puts it into the VM's"}
	case f.Switch == "project":
		return Push{ActProject, "IAPPushKey project"}
	case f.Switch == "instance":
		return Push{ActInstance, "IAPPushKey instance"}
	case f.Terminal:
		return Push{ActAsk, "metadata is changed with the user's consent only"}
	}
	return Push{ActRefuse, "the VM takes keys from its metadata, which is not changed unasked; --push-key=instance (or project) does it"}
}
