package archive

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
)

// MinPassphrase is the least length of a passphrase in characters. Whoever has
// the file can guess as long as they like.
const MinPassphrase = 12

// sealVersion is that of the container.
const sealVersion = 1

// magic begins every sealed package. Its last bytes show a copy that was taken
// for text, as those of PNG do.
var magic = []byte("GWSEAL\r\n")

const (
	saltLength   = 16
	headerLength = 8 + 1 + 4 + 4 + 1 + saltLength // magic, version, memory, passes, lanes, salt
	sealOverhead = headerLength + 12 + 16         // nonce, tag
)

// cost is what deriving the key takes: KiB of memory, passes, lanes.
type cost struct {
	memory, passes uint32
	lanes          uint8
}

var (
	// current is the second choice of RFC 9106 section 4, for hosts that must share
	// their memory: 64 MiB, three passes, four lanes.
	current = cost{memory: 64 << 10, passes: 3, lanes: 4}
	// most bounds what a header may ask for: whoever uploads a file must not be
	// able to take all memory or a processor for long.
	most = cost{memory: 256 << 10, passes: 6, lanes: 8}
)

// deriving has one place: more keys at once would take 64 MiB each.
var deriving = make(chan struct{}, 1)

// Seal protects a package, with the names of all objects, by a passphrase: a key
// by argon2id (RFC 9106), then AES-256-GCM with the header as associated data.
// Salt and nonce are random, so the bytes differ each time; only what is inside
// is deterministic. Errors are Problems of the field passphrase, or that of ctx.
func Seal(ctx context.Context, plain []byte, passphrase secret.Text) ([]byte, error) {
	if msg := PassphraseProblem(passphrase); msg != "" {
		return nil, passphraseProblem(msg)
	}
	header := newHeader()
	aead, err := cipherOf(ctx, header, passphrase)
	if err != nil {
		return nil, err
	}
	return aead.Seal(header, nil, plain, header), nil
}

// PassphraseProblem says what is wrong with a passphrase for a new package, or
// "".
func PassphraseProblem(passphrase secret.Text) string {
	text := passphrase.Reveal()
	switch {
	case utf8.RuneCountInString(text) < MinPassphrase:
		return fmt.Sprintf("Enter a passphrase of at least %d characters. Whoever has the file can guess as long as they like.", MinPassphrase)
	case len(text) > secret.MaxPassword:
		return fmt.Sprintf("Shorten the passphrase to %d bytes.", secret.MaxPassword)
	case !utf8.ValidString(text):
		return "The passphrase is not valid UTF-8."
	}
	return ""
}

// Sealed tells whether a file needs a passphrase.
func Sealed(raw []byte) bool { return bytes.HasPrefix(raw, magic) }

// Open is what Seal protected. A wrong passphrase and a changed file are one and
// the same error, a Problem of the field passphrase: nobody can tell which.
func Open(ctx context.Context, sealed []byte, passphrase secret.Text) ([]byte, error) {
	switch {
	case !Sealed(sealed):
		return nil, whole("The package is not protected by a passphrase.")
	case len(sealed) > MaxPackage+sealOverhead:
		return nil, whole("The package has %s, and at most %s are taken.", size(len(sealed)), size(MaxPackage))
	case len(sealed) > len(magic) && sealed[len(magic)] != sealVersion:
		return nil, whole("%s", wrongVersion("protected package", int(sealed[len(magic)]), sealVersion))
	case passphrase.IsZero():
		return nil, passphraseProblem("The package is protected by a passphrase. Enter it.")
	case len(sealed) < sealOverhead || !costOf(sealed).bearable() || len(passphrase.Reveal()) > secret.MaxPassword:
		return nil, passphraseProblem(doesNotOpen)
	}
	header := sealed[:headerLength]
	aead, err := cipherOf(ctx, header, passphrase)
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(nil, nil, sealed[headerLength:], header)
	if err != nil {
		return nil, passphraseProblem(doesNotOpen)
	}
	return plain, nil
}

const doesNotOpen = "The passphrase is wrong, or the package was changed."

func passphraseProblem(message string) error {
	return Problems{{Problem: problem.Problem{Field: "passphrase", Message: message}}}
}

func wrongVersion(what string, version, understood int) string {
	return fmt.Sprintf("The %s has format %d, and this version of Gatewright understands format %d. Use the version that exported it, or a later one.", what, version, understood)
}

func newHeader() []byte {
	header := make([]byte, 0, headerLength)
	header = append(append(header, magic...), sealVersion)
	header = binary.BigEndian.AppendUint32(header, current.memory)
	header = binary.BigEndian.AppendUint32(header, current.passes)
	header = append(header, current.lanes)
	salt := make([]byte, saltLength)
	_, _ = rand.Read(salt) // never fails: the runtime ends the process instead
	return append(header, salt...)
}

func costOf(header []byte) cost {
	return cost{memory: binary.BigEndian.Uint32(header[9:]), passes: binary.BigEndian.Uint32(header[13:]), lanes: header[17]}
}

func (c cost) bearable() bool {
	return c.passes >= 1 && c.passes <= most.passes && c.lanes >= 1 && c.lanes <= most.lanes && c.memory >= 8*uint32(c.lanes) && c.memory <= most.memory
}

// cipherOf derives the key of a header, in turn with other callers. Accented
// letters are one character or two, as the keyboard likes, and mean the same.
func cipherOf(ctx context.Context, header []byte, passphrase secret.Text) (cipher.AEAD, error) {
	// Asked first, as select chooses at random when both are ready.
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("derive the key of a package: %w", err)
	}
	select {
	case deriving <- struct{}{}:
		defer func() { <-deriving }()
	case <-ctx.Done():
		return nil, fmt.Errorf("wait to derive the key of a package: %w", ctx.Err())
	}
	c := costOf(header)
	key := argon2.IDKey(norm.NFC.Bytes([]byte(passphrase.Reveal())), header[headerLength-saltLength:], c.passes, c.memory, c.lanes, 32)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("prepare cipher of package: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}
