package app

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/graftplatform/graft"
)

// newPair makes a certificate with a serial number, and its key, in PEM.
func newPair(t *testing.T, serial int64) (cert, key []byte) {
	t.Helper()
	return newPairUntil(t, serial, time.Now().Add(time.Hour))
}

func newPairUntil(t *testing.T, serial int64, end time.Time) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: end}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
}

// replace writes a file anew, as a program that renews certificates does.
func replace(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func TestCertificateIsReadAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		certFile, keyFile := filepath.Join(dir, "cert"), filepath.Join(dir, "key")
		cert, key := newPair(t, 1)
		replace(t, certFile, cert)
		replace(t, keyFile, key)
		var log bytes.Buffer
		c, err := loadCertificate(certFile, keyFile, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		want := func(serial int64) {
			t.Helper()
			if got := c.current().Leaf.SerialNumber.Int64(); got != serial {
				t.Errorf("certificate %d, want %d", got, serial)
			}
		}
		want(1)
		first := c.current().Leaf
		cert, key = newPair(t, 2)
		replace(t, certFile, cert) // the key is not there yet
		want(1)
		time.Sleep(certificateEvery) // of the bubble's clock
		want(1)
		replace(t, keyFile, key)
		time.Sleep(certificateEvery)
		want(2)
		if other, _ := newPair(t, 1); !c.is([]*x509.Certificate{first}) || !c.is([]*x509.Certificate{c.current().Leaf}) ||
			c.is([]*x509.Certificate{leafOf(t, other)}) || c.is(nil) {
			t.Error("is takes other certificates than those of the files")
		}
		if err := os.Remove(certFile); err != nil {
			t.Fatal(err)
		}
		time.Sleep(certificateEvery)
		want(2)
		if got := strings.Count(log.String(), "can't be read anew"); got != 2 {
			t.Errorf("%d warnings: %s", got, &log)
		}
		if strings.Contains(log.String(), "has expired") {
			t.Error("it is told as expired too early")
		}
		cert, key = newPairUntil(t, 3, time.Now().Add(-time.Hour))
		replace(t, keyFile, key)
		replace(t, certFile, cert)
		time.Sleep(certificateEvery)
		want(3)
		if !strings.Contains(log.String(), "has expired") {
			t.Errorf("nobody is told that it has expired: %s", &log)
		}
	})
}

func leafOf(t *testing.T, cert []byte) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(cert)
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}

func TestBadCertificates(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		replace(t, path, data)
		return path
	}
	cert, key := newPair(t, 1)
	_, otherKey := newPair(t, 2)
	for name, files := range map[string][2]string{
		"no file":   {filepath.Join(dir, "none"), write("a", key)},
		"other key": {write("b", cert), write("c", otherKey)},
		"nonsense":  {write("d", []byte("x")), write("e", key)},
		"swapped":   {write("f", key), write("g", cert)},
	} {
		if _, err := loadCertificate(files[0], files[1], slog.New(slog.DiscardHandler)); graft.ErrorCode(err) != graft.CodeInvalid ||
			!strings.Contains(err.Error(), "--tls-cert") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
