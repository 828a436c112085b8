package console_test

import (
	"os"
	"testing"

	"github.com/gatewright/gatewright/models/modelstest"
)

func TestMain(m *testing.M) { os.Exit(modelstest.Main(m)) }
