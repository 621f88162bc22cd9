package graft

import (
	"reflect"
	"strings"
	"testing"
)

// TestReadersForAllFields holds the parser's tables to the structs' JSON: the
// same names in the same order.
func TestReadersForAllFields(t *testing.T) {
	t.Parallel()
	for structType, fields := range map[reflect.Type][]field{
		reflect.TypeFor[Descriptor]():  descriptorFields(new(Descriptor)),
		reflect.TypeFor[Service]():     serviceFields(new(Service)),
		reflect.TypeFor[Healthcheck](): healthcheckFields(new(Healthcheck)),
		reflect.TypeFor[Probe]():       probeFields(new(Probe)),
		reflect.TypeFor[HTTPProbe]():   httpProbeFields(new(HTTPProbe)),
		reflect.TypeFor[TCPProbe]():    tcpProbeFields(new(TCPProbe)),
		reflect.TypeFor[Dependency]():  dependencyFields(new(Dependency)),
		reflect.TypeFor[Volume]():      volumeFields(new(Volume)),
		reflect.TypeFor[Network]():     networkFields(new(Network)),
	} {
		if len(fields) != structType.NumField() {
			t.Errorf("%v has %d fields, the parser reads %d", structType, structType.NumField(), len(fields))
			continue
		}
		for i, f := range fields {
			if name, _, _ := strings.Cut(structType.Field(i).Tag.Get("json"), ","); name != f.name {
				t.Errorf("%v.%s is %q, the parser reads %q", structType, structType.Field(i).Name, name, f.name)
			}
		}
	}
}
