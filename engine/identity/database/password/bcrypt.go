package password

import (
	"fmt"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// maxBcryptPassword is what bcrypt reads of a password. Longer ones are refused:
// what it would cut off must not be free to choose.
const maxBcryptPassword = 72

// maxBcryptCost takes about two seconds of a core.
const maxBcryptCost = 15

const bcryptLength = 60

type bcryptHash struct {
	text string
	cost int
}

func readBcrypt(stored string) (Hash, error) {
	cost, err := bcrypt.Cost([]byte(stored))
	if err != nil || len(stored) != bcryptLength || strings.Trim(stored[7:], bcryptAlphabet) != "" {
		return Hash{}, ErrUnknown
	}
	h := bcryptHash{stored, cost}
	return Hash{Cost: fmt.Sprintf("cost %d", cost), check: h}, tooMuch("cost", uint64(cost), maxBcryptCost)
}

const bcryptAlphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

func (b bcryptHash) matches(password []byte) bool {
	return len(password) <= maxBcryptPassword && bcrypt.CompareHashAndPassword([]byte(b.text), password) == nil
}

func (b bcryptHash) blank() check {
	return bcryptHash{text: fmt.Sprintf("$2a$%02d$%s", b.cost, strings.Repeat(".", 53)), cost: b.cost}
}
