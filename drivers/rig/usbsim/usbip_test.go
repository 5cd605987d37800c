package usbsim

import "testing"

// TestCancellationMeetsItsAnswer cancels transfers at the moment they are answered.
// A host that is told "too late" must have the answer already, and what was not
// answered must not be lost.
func TestCancellationMeetsItsAnswer(t *testing.T) {
	s := NewPOSScanner("P1")
	h, _ := attach(t, s)
	late, kept := 0, 0
	for range 2000 {
		seq, answer := h.submit(POSScannerIn, reportSize, nil)
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			s.Scan("", []byte("MRN-1"))
		}()
		status := h.cancel(seq)
		<-sent
		switch status {
		case 0:
			late++
			select {
			case <-answer:
			default:
				t.Fatal("the cancellation was told to be too late before the answer came")
			}
		case statusUnlinked:
			kept++
			h.data(POSScannerIn, reportSize)
		default:
			t.Fatalf("status %d", status)
		}
	}
	if late == 0 || kept == 0 {
		t.Skipf("never met: %d answered, %d cancelled", late, kept)
	}
}
