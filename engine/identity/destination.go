package identity

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"slices"
	"strings"
)

// Trusting is a destination (Config.Destinations) of an encrypted connection
// with whom it believes to be there: the name that the certificate must have
// and the authorities, in PEM, that may have signed it; empty means those of
// the system. Whom a connection believes belongs to where it goes: with an
// authority of their own, whoever may edit a source and is on the way could
// pass for the server, and be sent the stored secret.
func Trusting(destination, serverName, authorities string) string {
	return strings.Join([]string{destination, "as " + serverName, "by " + fingerprint(authorities)}, " ")
}

// fingerprint is the same however the certificates are written and ordered.
func fingerprint(authorities string) string {
	var sums []string
	for rest := []byte(authorities); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		sum := sha256.Sum256(block.Bytes)
		sums = append(sums, hex.EncodeToString(sum[:]))
	}
	if len(sums) == 0 {
		return "the system"
	}
	slices.Sort(sums)
	return strings.Join(slices.Compact(sums), ",")
}
