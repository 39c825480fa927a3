package screen

import (
	"fmt"

	"github.com/tincan-voice/tincan/engine"
)

// AboutIdentity says whether somebody, shown by this name, is the one who had it before.
func AboutIdentity(e engine.PeerIdentity, name string) string {
	const remedy = "it may be somebody else: ask"
	target := e.Name
	if name != target { // several are called so
		target = fmt.Sprint(e.Session)
	}
	text := ""
	switch e.Identity {
	case engine.IdentityFirst:
		text = fmt.Sprintf("%s has brought a key, for the first time here: %s; code %s shows what to compare", name, e.Key, target)
	case engine.IdentityKnown:
		text = fmt.Sprintf("%s has the key that is known", name)
	case engine.IdentityChanged:
		text = fmt.Sprintf("%s has another key than the one that is known, %s: another device, or somebody else: ask, and compare "+
			"(code %s); accept %s if it is right", name, e.Key, target, target)
	case engine.IdentityMissing:
		text = fmt.Sprintf("%s has brought no key, and one is known: %s", name, remedy)
	case engine.IdentityUnproven:
		text = fmt.Sprintf("%s does not prove to have the key that is shown: %s", name, remedy)
	}
	if e.Err != nil {
		text += fmt.Sprintf("; it is not remembered: %v", e.Err)
	}
	return text
}

// identityMarks stand behind a name.
var identityMarks = map[engine.Identity]string{
	engine.IdentityFirst: " +", engine.IdentityKnown: " =", engine.IdentityChanged: " !", engine.IdentityMissing: " !", engine.IdentityUnproven: " !",
}
