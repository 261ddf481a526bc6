package cache

import (
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

// ownerOnly gives everything to the directory's owner and the system, and nothing that the parent would have handed down.
const ownerOnly = "D:P(A;OICI;FA;;;OW)(A;OICI;FA;;;SY)"

func makePrivate(dir string) error {
	path, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return err
	}
	descriptor, err := windows.SecurityDescriptorFromString(ownerOnly)
	if err != nil {
		return err
	}
	attributes := &windows.SecurityAttributes{SecurityDescriptor: descriptor}
	attributes.Length = uint32(unsafe.Sizeof(*attributes))
	return windows.CreateDirectory(path, attributes)
}

// checkPrivate wants the owner to be us, or the administrators, who own what one of them makes. Who else may read what lies
// below %LOCALAPPDATA% is theirs to say: the profile's own access list keeps others out.
func checkPrivate(root *os.Root) error {
	descriptor, err := windows.GetNamedSecurityInfo(root.Name(), windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION)
	if err != nil {
		return err
	}
	owner, _, err := descriptor.Owner()
	if err != nil {
		return err
	}
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return err
	}
	if !owner.Equals(user.User.Sid) && !owner.IsWellKnown(windows.WinBuiltinAdministratorsSid) {
		return ErrNotPrivate
	}
	return nil
}
