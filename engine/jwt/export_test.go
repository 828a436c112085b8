package jwt

// VerifySignature is Verify without what it asks of type and claims, for test
// vectors whose payload is no JSON.
func (v *Verifier) VerifySignature(token string) error {
	s := new(scratch)
	key, err := v.key(s, token)
	if err != nil {
		return err
	}
	if err := s.readSignature(); err != nil {
		return err
	}
	if !key.Verify(s.input, s.signature) {
		return ErrSignature
	}
	return nil
}

// Parts reads a token up to its header, for vectors with a key that the key
// store refuses.
func Parts(token string) (algorithm string, input, signature []byte, err error) {
	s := new(scratch)
	if err := s.split(token); err != nil {
		return "", nil, nil, err
	}
	if err := s.readHeader(); err != nil {
		return "", nil, nil, err
	}
	return string(s.algorithm), s.input, s.signature, s.readSignature()
}

// Scan reads one JSON object and returns what is wrong with it.
func Scan(data []byte) string {
	var s scanner
	f := s.begin(data)
	var m member
	for s.next(&f, &m) {
	}
	s.finish()
	return s.fault
}

// Reader reads one token after the other with the same memory.
type Reader struct{ s scratch }

// Header is what the header of a token says.
func (r *Reader) Header(token string) (algorithm, kid, typ string, err error) {
	if err = r.s.split(token); err == nil {
		err = r.s.readHeader()
	}
	if err != nil {
		return "", "", "", err
	}
	return string(r.s.algorithm), string(r.s.kid), string(r.s.typ), nil
}
