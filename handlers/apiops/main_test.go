package apiops_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/gatewright/gatewright/models/modelstest"
)

func TestMain(m *testing.M) {
	code := modelstest.Main(m)
	if code == 0 && wholeRun() {
		if missed := unproven(); len(missed) > 0 {
			for _, text := range missed {
				fmt.Println(text)
			}
			code = 1
		}
	}
	os.Exit(code)
}
