//go:build !linux && !darwin

package iap

func setSocketOptions(uintptr) {}
