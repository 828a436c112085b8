package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/revoke"
	"github.com/gatewright/gatewright/engine/secret"
)

// keptMagic begins every file that a node keeps, and keptFormat follows: a file
// of another format is refused and not guessed at.
const (
	keptMagic = "gatewright kept "
	keptForm  = 2
)

var keptFormat = fmt.Sprintf("%d.%d", keptForm, engine.BundleFormat)

// The two files of an environment. Revocations come often and are small, a
// bundle is large.
const (
	keptBundleFile = "bundle"
	keptRevoked    = "revocations"
)

// draftAge is after what time a draft in the directory is nobody's any more.
const draftAge = time.Minute

// errNothingKept is the error where there is no file.
var errNothingKept = errors.New("nothing is kept")

// keptFiles are the last good configuration on disk, sealed: it holds private
// keys and hashes of passwords. What a file is for is bound to its content, so
// that one environment's file does not open as another's, nor a bundle as
// revocations.
type keptFiles struct {
	dir    string
	sealer *secret.Sealer
	lock   *os.File // nil: not claimed
}

// openKept makes the directory and removes drafts that a process left behind
// when it was killed.
func openKept(dir string, sealer *secret.Sealer) (*keptFiles, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	drafts, err := filepath.Glob(filepath.Join(dir, draftPattern))
	if err != nil {
		return nil, err
	}
	for _, draft := range drafts {
		if info, err := os.Stat(draft); err == nil && time.Since(info.ModTime()) > draftAge {
			_ = os.Remove(draft) // a leftover costs room and nothing else
		}
	}
	return &keptFiles{dir: dir, sealer: sealer}, nil
}

const draftPattern = ".draft-*"

// keptConfiguration begins the file of the bundle, which follows it. RevokedTo is the newest revocation
// that was kept before it: with older revocations beside it, it is refused.
type keptConfiguration struct {
	At        time.Time
	Version   string
	RevokedTo int64
}

// keptRevocations is the file of the revocations in force. Last may be of one
// that is not among them any more.
type keptRevocations struct {
	At      time.Time
	Last    int64
	Entries []revoke.Entry
}

// read opens both files of an environment; errNothingKept when there are none.
func (k *keptFiles) read(environment string) (b engine.Bundle, c keptConfiguration, r keptRevocations, err error) {
	raw, err := k.open(environment, keptBundleFile, &c)
	if err != nil {
		return b, c, r, err
	}
	// Without them, tokens that were revoked would be good again.
	if _, err = k.open(environment, keptRevoked, &r); err != nil {
		return b, c, r, fmt.Errorf("a bundle without its revocations is not used: %w", strip(err))
	}
	if r.Last < c.RevokedTo {
		return b, c, r, fmt.Errorf("%s is older than the bundle beside it, so it may lack revocations", k.path(environment, keptRevoked))
	}
	if b, err = engine.DecodeBundle(raw); err != nil {
		return b, c, r, fmt.Errorf("%s: %w", k.path(environment, keptBundleFile), err)
	}
	return b, c, r, nil
}

// strip makes a missing second file no sign that there is nothing.
func strip(err error) error {
	if errors.Is(err, errNothingKept) {
		return errors.New(err.Error())
	}
	return err
}

// open reads a file into what it begins with, and returns what follows that.
func (k *keptFiles) open(environment, kind string, into any) ([]byte, error) {
	path := k.path(environment, kind)
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w in %s", errNothingKept, path)
	}
	if err != nil {
		return nil, err
	}
	rest, ok := bytes.CutPrefix(raw, []byte(keptMagic))
	format, sealed, whole := bytes.Cut(rest, []byte("\n"))
	if !ok || !whole {
		return nil, fmt.Errorf("%s is damaged, or no file of a node", path)
	}
	if string(format) != keptFormat {
		return nil, fmt.Errorf("%s has format %.20q, this version reads %s", path, format, keptFormat)
	}
	plain, err := k.sealer.Open(sealed, keptPlace(environment, kind))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	from := bytes.NewReader(plain) // of which gob reads no byte too many
	if err := gob.NewDecoder(from).Decode(into); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return plain[len(plain)-from.Len():], nil
}

// write replaces a file whole: whoever reads, also after a power cut or a kill in
// the middle, finds the old content or the new. The bundle, if there is one,
// follows the content.
func (k *keptFiles) write(environment, kind string, content any, b *engine.Bundle) error {
	var plain bytes.Buffer
	if err := gob.NewEncoder(&plain).Encode(content); err != nil {
		return err
	}
	if b != nil {
		plain.Grow(sizeOf(b))
		if err := engine.WriteBundle(&plain, b); err != nil {
			return err
		}
	}
	sealed, err := k.sealer.Seal(plain.Bytes(), keptPlace(environment, kind))
	if err != nil {
		return err
	}
	return replaceFile(k.path(environment, kind), []byte(keptMagic+keptFormat+"\n"), sealed)
}

// sizeOf is about what a bundle takes on disk, so that its copy is made once.
func sizeOf(b *engine.Bundle) int {
	n := 64<<10 + 1024*len(b.Credentials)
	for i := range b.Owners {
		n += len(b.Owners[i].Definition) + 384
	}
	return n
}

// remove forgets an environment that is there no more. The bundle goes first: it
// is not used without the revocations.
func (k *keptFiles) remove(environment string) error {
	err := os.Remove(k.path(environment, keptBundleFile))
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = os.Remove(k.path(environment, keptRevoked))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// path has what people recognise of the name and what tells it from all others.
func (k *keptFiles) path(environment, kind string) string {
	known := strings.Map(func(r rune) rune {
		if r < 0x80 && (r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z') {
			return r
		}
		return '_'
	}, environment)
	sum := sha256.Sum256([]byte(environment))
	return filepath.Join(k.dir, known[:min(len(known), 40)]+"-"+hex.EncodeToString(sum[:6])+"."+kind)
}

func keptPlace(environment, kind string) string {
	return "kept/" + keptFormat + "/" + kind + "/" + environment
}

func replaceFile(path string, parts ...[]byte) (err error) {
	dir := filepath.Dir(path)
	draft, err := os.CreateTemp(dir, draftPattern) // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(draft.Name()) // what it was for has failed already
		}
	}()
	for _, part := range parts {
		if _, err := draft.Write(part); err != nil {
			return errors.Join(err, draft.Close())
		}
	}
	if err := errors.Join(draft.Sync(), draft.Close()); err != nil {
		return err
	}
	if err := os.Rename(draft.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes the new name survive a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
